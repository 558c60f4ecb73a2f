export type { RuleSource, RuleText } from './rule.ts'
export * from './rules.ts'
