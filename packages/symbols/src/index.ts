export * from './errors.ts'
export * from './pdb/pdb-file.ts'
export * from './symbol-file.ts'
