#!/usr/bin/env node
import '../dist/kd-main.js'
