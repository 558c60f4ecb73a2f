// Settings for random traffic: each at its default or at one of its trials.
import fc from 'fast-check'
import type { ControllerModel, Settings } from './controllers/controller-model.ts'

/** But for those that stay at their defaults. */
export const randomSettings = (
  model: ControllerModel,
  kept: readonly string[],
): fc.Arbitrary<Partial<Settings>> =>
  fc.record(
    Object.fromEntries(
      Object.entries(model.settings)
        .filter(([name]) => !kept.includes(name))
        .map(([name, rule]) => [
          name,
          fc.oneof<fc.Arbitrary<number | string>[]>(
            fc.constant(rule.default),
            ...(rule.trials.length === 0 ? [] : [fc.constantFrom(...rule.trials)]),
          ),
        ]),
    ),
  )
