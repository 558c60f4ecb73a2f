// The layouts of a profile by their names: win10-19041, the first, gives the shape, and the compiler asks each further profile for every
// structure and field.
import type * as layouts from './win10-19041/layouts.ts'

export type KernelLayouts = typeof layouts
