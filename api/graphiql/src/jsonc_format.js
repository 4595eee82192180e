// Prettifies variables and headers, as a plugin of Prettier, which GraphiQL asks for that. Prettier's own way to JSON is
// a compiler for JavaScript of half a megabyte.
import { applyEdits, format } from 'jsonc-parser';

const options = { insertSpaces: true, tabSize: 2, eol: '\n' };

export const parsers = {
  jsonc: { astFormat: 'jsonc', parse: (text) => ({ text }), locStart: () => 0, locEnd: ({ text }) => text.length },
};

export const printers = {
  jsonc: { print: ({ node: { text } }) => applyEdits(text, format(text, undefined, options)) },
};
