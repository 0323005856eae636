# SPDX-License-Identifier: GPL-2.0-or-later
#
# Adds up ctest logs and prints "PASSED FAILED". A libcheck program counts by its own sum (by
# several, if one test runs it in a guest), anything else as one. A program that fails although its
# sum is clean (a leak found at exit, a crash) is one failure more. Of a test that the logs have more
# than once, the last time counts.
#
# Of an executable that is missing ctest goes on to say that it passed.
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
  passed[name] = sums ? ok : 1
  failed[name] = bad
}
/^Test Failed\.$/ || (/^Test Passed\.$/ && missing) {
  missing = 0
  passed[name] = ok
  failed[name] = bad ? bad : 1
}
END {
  for (name in failed) {
    all_passed += passed[name]
    all_failed += failed[name]
    if (failed[name])
      print "FAILED " name > "/dev/stderr"
  }
  print all_passed + 0, all_failed + 0
}
