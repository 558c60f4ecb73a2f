export type { RuleSource, RuleText } from './rule.ts'
export * from './rules.ts'
export * from './violation.ts'
