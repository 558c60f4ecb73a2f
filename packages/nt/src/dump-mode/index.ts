export type { RuleSource, RuleText } from './rule.ts'
export * from './rules.ts'
export type * from './violation.ts'
