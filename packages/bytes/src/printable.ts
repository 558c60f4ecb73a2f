// Text from files on its way to a screen. Names in dumps, PDBs, images and paths come from strangers: what a terminal obeys (C0, DEL,
// C1), what reorders or hides its neighbours (Unicode TR #36, bidirectional controls and characters without a glyph), what breaks
// a line, and values that are no character are shown as the escapes that JSON has for them, and do nothing.

/**
 * Controls, format characters, lone surrogates, line and paragraph separators, default ignorables (zero width, fillers) and
 * noncharacters, which XML has no place for either.
 */
const OBEYED_OR_UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu
const IN_JSON =
  /[^\P{Cc}\n]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu

/** Nearly every line; telling it apart takes half the time that the classes of Unicode take. */
const PLAIN = /^[\x20-\x7e]*$/

/** `evil\u001b[2J.sys`: one line of text, whatever it was made of. Text that is printable already is returned as it is. */
export const printable = (text: string): string =>
  PLAIN.test(text) ? text : text.replace(OBEYED_OR_UNSEEN, escapes)

/** The same for text of several lines whose line feeds are ours. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n')

/**
 * The same for JSON, as JSON.stringify makes it: the escapes stand inside its strings, so that every value stays what it is.
 * Line feeds can only be those of its layout.
 */
export const printableJson = (json: string): string => json.replace(IN_JSON, escapes)

function escapes(character: string): string {
  let out = ''
  for (let unit = 0; unit < character.length; unit++)
    out += `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`
  return out
}
