#!/usr/bin/env node
import { load } from './load.js'

load('../dist/kd-main.js')
