#!/usr/bin/env node
import { load } from './load.js'

load('../dist/crashdumptest-main.js')
