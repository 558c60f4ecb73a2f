#!/usr/bin/env node
import { load } from './load.js'

load('../dist/main.js')
