import { en } from "./en"; export const words = en;
