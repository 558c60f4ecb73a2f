// The test as it goes on, on the screen: apart from terminal.ts, so that the debugger loads nothing of the test.
import { ScreenFold } from '@dumpstack/crashtest'
import { screenBeside } from './terminal.ts'

/** Null where --json leaves stderr quiet. */
export function testScreen(json: boolean): ScreenFold | null {
  const screen = screenBeside(json)
  return screen === null ? null : new ScreenFold(screen.write, screen.options)
}
