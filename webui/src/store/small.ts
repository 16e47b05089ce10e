// Small things that outlive the tab: settings, which conversation is open. A browser may refuse; then they do not.

export function recall(key: string, place: Storage | null = storage("localStorage")): unknown {
  try {
    return JSON.parse(place?.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

export function remember(key: string, value: unknown, place: Storage | null = storage("localStorage")): void {
  try {
    if (value === null) place?.removeItem(key);
    else place?.setItem(key, JSON.stringify(value));
  } catch {
    // full, or forbidden
  }
}

/** One of the browser's storages; reading the property alone throws where they are forbidden. */
export function storage(name: "localStorage" | "sessionStorage"): Storage | null {
  try {
    return window[name];
  } catch {
    return null;
  }
}
