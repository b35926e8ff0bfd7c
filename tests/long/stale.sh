#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The applications of the corpus that the live suite of the same name leaves out.

CASES=others exec "$(dirname "$0")/../live/stale.sh"
