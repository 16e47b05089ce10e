// Line icons, 24 by 24.

const PATHS = {
  menu: "M4 7h16M4 12h16M4 17h10",
  plus: "M12 5v14M5 12h14",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  clip: "M20 11.5l-8.2 8.2a5 5 0 0 1-7-7l8.4-8.4a3.3 3.3 0 0 1 4.7 4.7l-8.4 8.3a1.7 1.7 0 0 1-2.4-2.4l7.7-7.6",
  copy: "M9 9h10v11H9zM5 15V4h10",
  done: "M5 12.5l4.5 4.5L19 7.5",
  again: "M4 12a8 8 0 0 1 13.7-5.6L20 8.5M20 4v4.5h-4.5M20 12a8 8 0 0 1-13.7 5.6L4 15.5M4 20v-4.5h4.5",
  pen: "M4 20l1-4.5L16.5 4 20 7.5 8.5 19z",
  on: "M5 12h13M13 7l5 5-5 5",
  back: "M14.5 6l-6 6 6 6",
  next: "M9.5 6l6 6-6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  gear:
    "M12 15.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM19.4 13.5l1.6 1.2-1.8 3.1-1.9-.7a7.6 7.6 0 0 1-2 1.2l-.4 2h-3.6" +
    "l-.4-2a7.6 7.6 0 0 1-2-1.2l-1.9.7L5.2 14.7l1.5-1.2a7.600 7.600 0 0 1 0-3L5.200 9.300 7 6.200l1.900.700a7.600 7.600 0 0 1 2-1.200l.400-2" +
    "h3.600l.400 2a7.600 7.600 0 0 1 2 1.200l1.900-.700 1.800 3.100-1.600 1.200a7.600 7.600 0 0 1 0 3z",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v6M12 7.500h.010",
  code: "M8.500 7l-5 5 5 5M15.500 7l5 5-5 5",
  join: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2.500v2.500H14zM19 19h1v1h-1zM14 19.500h1M19.500 14.500h.500",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v5",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500L20 20",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  tool: "M14.500 5.500a4.500 4.500 0 0 0-5.800 5.800L4 16v4h4l4.700-4.700a4.500 4.500 0 0 0 5.800-5.800L15.500 12.500l-3-.500-.500-3z",
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration only: whatever it is in has a name. */
export function Icon({ name, turns = false }: { name: IconName; turns?: boolean }) {
  return (
    <svg class={turns ? "icon turns" : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
