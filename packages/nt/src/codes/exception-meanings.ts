// What the codes of exceptions mean, in our own words: "EXCEPTION_RECORD" (winnt.h) and MS-ERREF, section 2.3.1.
const MEANINGS: ReadonlyMap<number, string> = new Map([
  [0x8000_0001, 'a guard page was accessed'],
  [0x8000_0002, 'data is not aligned as the access needs it'],
  [0x8000_0003, 'a breakpoint was reached'],
  [0x8000_0004, 'a single step was made'],
  [0xc000_0005, 'memory was accessed in a way that it does not allow'],
  [0xc000_0006, 'a page could not be read from its file or device'],
  [0xc000_001d, 'the processor does not know the instruction'],
  [0xc000_0025, 'execution went on after an exception that does not allow it'],
  [0xc000_008c, 'an index lies outside its array'],
  [0xc000_008e, 'a floating-point number was divided by zero'],
  [0xc000_0094, 'an integer was divided by zero'],
  [0xc000_0095, 'the result of an integer operation does not fit'],
  [0xc000_0096, 'the instruction needs a privilege that the code does not have'],
  [0xc000_00fd, 'the stack is used up'],
  [0xc000_0374, 'a heap is corrupt'],
  [0xc000_0409, 'a check of the code found its own state corrupt'],
  [0xc000_0420, 'an assertion failed'],
  [0xe06d_7363, 'a C++ exception was thrown'],
])

/** A clause; null for a code without one. */
export const exceptionMeaning = (code: number): string | null => MEANINGS.get(code >>> 0) ?? null
