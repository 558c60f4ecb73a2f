// Property tests draw from one seed, so that the same commit gets the same verdict; `npm run fuzz` looks further, and
// PROPERTY_SEED=7 npm test draws others.
import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env['PROPERTY_SEED'] ?? 1) })
