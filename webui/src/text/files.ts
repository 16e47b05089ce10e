// The text of a file: of one that is text, or of a PDF. Pictures and sounds are refused by name, not silently.

import type { Key } from "../words";

const LIMIT = 20; // MB
const LONGEST = 2_000_000; // characters

/** A file that cannot go along. reason: the sentence that says why. */
export class UnreadableFile extends Error {
  readonly reason: Key;
  readonly values: Readonly<Record<string, string | number>>;

  constructor(reason: Key, name: string) {
    super(reason);
    this.reason = reason;
    this.values = { name, limit: LIMIT };
  }
}

/** The file's text. Throws `UnreadableFile`. */
export async function read(file: File): Promise<string> {
  if (/^image\/(?!svg)/.test(file.type)) throw new UnreadableFile("noPictures", file.name);
  if (/^(audio|video)\//.test(file.type)) throw new UnreadableFile("noSound", file.name);
  if (file.size > LIMIT * 1_000_000) throw new UnreadableFile("tooLarge", file.name);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const isPdf = bytes[0] === 0x25 && bytes[1] === 0x50 && bytes[2] === 0x44 && bytes[3] === 0x46;
  const text = isPdf ? await pdfText(bytes, file.name) : decoded(bytes, file.name);
  if (text.length > LONGEST) throw new UnreadableFile("tooLarge", file.name);
  return text;
}

async function pdfText(bytes: Uint8Array, name: string): Promise<string> {
  const { textOf } = await import("./pdf");
  const text = await textOf(bytes).catch(() => "");
  if (!text.trim()) throw new UnreadableFile("noTextInPdf", name);
  return text;
}

/** UTF-8 or UTF-16 with its mark. What has control characters in it is no text. */
function decoded(bytes: Uint8Array, name: string): string {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe && "utf-16le") || (bytes[0] === 0xfe && bytes[1] === 0xff && "utf-16be");
  try {
    const text = new TextDecoder(utf16 || "utf-8", { fatal: true }).decode(bytes);
    // biome-ignore lint: control characters are what we look for
    if (/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text)) throw new TypeError();
    return text.replace(/\r\n?/g, "\n");
  } catch {
    return latin(bytes, name);
  }
}

/** Old files in Windows' Western encoding, where nearly all bytes are letters. */
function latin(bytes: Uint8Array, name: string): string {
  const controls = bytes.filter((byte) => byte < 9 || (byte > 13 && byte < 32)).length;
  if (controls > 0) throw new UnreadableFile("notText", name);
  return new TextDecoder("windows-1252").decode(bytes).replace(/\r\n?/g, "\n");
}
