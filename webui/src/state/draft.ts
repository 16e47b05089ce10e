// What is being written and not yet said. It outlives its field, which gives way while a key is asked for.

import { signal } from "@preact/signals";
import type { Attachment } from "../model/nouns";

export const words = signal("");
export const files = signal<Attachment[]>([]);
