# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# One lane's tests, side by side. For tests/run.sh.

# run_tests LANE BUILD_DIR JOBS [MORE]...: LANE may be several, "A|B", which run beside each other then.
run_tests() {
  ctest --test-dir "$2" -L "^($1)\$" -j "$3" --output-on-failure --no-tests=error \
    --timeout "${MS_TEST_TIMEOUT:-1500}" "${@:4}" </dev/null
}

# empty_labels LANE BUILD_DIR: those of LANE that no test has.
empty_labels() {
  local label
  for label in ${1//|/ }; do
    if [ "$(ctest --test-dir "$2" -N -L "^$label\$" | grep -c '^ *Test *#')" -eq 0 ]; then
      echo "$label"
    fi
  done
}

# ctest_lane LANE BUILD_DIR JOBS: runs the tests with that label. Up to three that fail beside the
# others are run once more, alone, and that counts: a busy machine is no fault of theirs. More are not
# tried again. Sets lane_passed and lane_failed, by test case, lane_status, ctest's own,
# lane_unsteady, the names of those that passed alone only, and lane_empty, the labels without a test.
# The log is left as BUILD_DIR/Testing/LANE.log, with a + in the place of a |.
# shellcheck disable=SC2034 # for who sources this
ctest_lane() {
  local lane=$1 dir=$2 log=$2/Testing/${1//|/+}.log list=$2/Testing/Temporary/LastTestsFailed.log beside
  lane_status=0
  lane_unsteady=
  lane_empty=$(empty_labels "$lane" "$dir")
  rm -f "$list"
  run_tests "$@" || lane_status=$?
  cp "$dir/Testing/Temporary/LastTest.log" "$log"
  if [ $lane_status -ne 0 ] && [ -s "$list" ] && [ "$(wc -l <"$list")" -le 3 ]; then
    beside=$(cut -d: -f2 "$list" | sort)
    echo "FAILED beside others, once more alone: $(echo "$beside" | tr '\n' ' ')"
    lane_status=0
    rm "$list"
    run_tests "$lane" "$dir" 1 -R "^($(echo "$beside" | paste -sd '|'))\$" || lane_status=$?
    cat "$dir/Testing/Temporary/LastTest.log" >>"$log"
    lane_unsteady=$(comm -23 <(echo "$beside") <(cut -d: -f2 "$list" 2>/dev/null | sort) |
      paste -sd ' ')
  fi
  read -r lane_passed lane_failed < <(awk -f "$(dirname "${BASH_SOURCE[0]}")/count.awk" "$log")
}

# lane_faults LANE: what is wrong with it that its test cases do not show, after ctest_lane; a line
# each, with the label first.
lane_faults() {
  local label
  for label in $lane_empty; do
    echo "$label it holds no test"
  done
  [ -z "$lane_empty" ] || return 0
  # ctest knows failures that leave no mark in the log.
  if [ "$lane_status" -ne 0 ] && [ "$lane_failed" -eq 0 ]; then
    echo "$1 ctest ended with $lane_status"
  elif [ $((lane_passed + lane_failed)) -eq 0 ]; then
    echo "$1 no test was counted"
  fi
}
