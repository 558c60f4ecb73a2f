#!/usr/bin/env node
import '../dist/crashdumptest-main.js'
