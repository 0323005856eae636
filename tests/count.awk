# SPDX-License-Identifier: GPL-2.0-or-later
#
# Adds up a ctest log and prints "PASSED FAILED". A libcheck program counts by its own sum (by
# several, if it ran more than once or in a guest), anything else as one. A program that fails
# although its sum is clean (a leak found at exit, a crash) is one failure more.
# ctest goes on to say that such a test passed.
/^Unable to find executable: / {
  missing = 1
}
/^[0-9]+\/[0-9]+ Testing: / {
  name = $3
  sums = ok = bad = 0
}
/Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
  match($0, /Checks: .*/)
  split(substr($0, RSTART), part, /[ ,]+/)
  sums++
  ok += part[2] - part[4] - part[6]
  bad += part[4] + part[6]
}
/^Test Passed\.$/ && !missing {
  passed += sums ? ok : 1
  failed += bad
}
/^Test Failed\.$/ || (/^Test Passed\.$/ && missing) {
  missing = 0
  passed += ok
  failed += bad ? bad : 1
  print "FAILED " name > "/dev/stderr"
}
END {
  print passed + 0, failed + 0
}
