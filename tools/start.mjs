// `npm start [-- options]`: makes the clone ready, then runs `dumpstack test` in this process.
import './ready.mjs'

process.argv.splice(2, 0, 'test')
await import('../packages/cli/bin/dumpstack.js')
