export * from './boot/boot-kernel.ts'
export { bootWithDriver } from './boot/boot-with-driver.ts'
export * from './boot/contract.ts'
export * from './boot/memory-layout.ts'
export * from './bugcheck/blue-screen.ts'
export type { BudgetCell, BudgetStop, BudgetTable } from './check/budget.ts'
export type * from './check/driver-finding.ts'
export { LIFE_EVENTS } from './check/events.ts'
export type { LifeResult, StoppedLife } from './check/life.ts'
export {
  type LifeSettings,
  lifeOf,
  lifeOptions,
  optionName,
  SECTORS,
  SYSTEM_RULES,
  type SystemSettings,
  settingText,
} from './check/settings.ts'
export type { SharedPlan } from './check/shared-plan.ts'
export * from './errors.ts'
export { CrashedSystem } from './system/crashed-system.ts'
export * from './system/options.ts'
export * from './system/system-target.ts'
export * from './volume/host-folder.ts'
