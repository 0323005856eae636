# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# One lane's tests, side by side. For tests/run.sh.

# ctest_lane LANE BUILD_DIR JOBS: runs the tests with that label. Up to three that fail beside the
# others are run once more, alone, and that counts: a busy machine is no fault of theirs. Each one is
# named, and more are not tried again. Sets lane_passed and lane_failed, by test case, and
# lane_status, ctest's own. The log is left as BUILD_DIR/Testing/LANE.log.
ctest_lane() {
  local lane=$1 dir=$2 log=$2/Testing/$1.log list=$2/Testing/Temporary/LastTestsFailed.log beside
  lane_status=0
  rm -f "$list"
  ctest --test-dir "$dir" -L "^$lane\$" -j "$3" --output-on-failure --no-tests=error \
    --timeout "${MS_TEST_TIMEOUT:-1500}" </dev/null || lane_status=$?
  cp "$dir/Testing/Temporary/LastTest.log" "$log"
  if [ $lane_status -ne 0 ] && [ -s "$list" ] && [ "$(wc -l <"$list")" -le 3 ]; then
    beside=$(cut -d: -f2 "$list" | tr '\n' ' ')
    echo "FAILED beside others, once more alone: $beside"
    lane_status=0
    ctest --test-dir "$dir" -L "^$lane\$" --rerun-failed -j 1 --output-on-failure --no-tests=error \
      --timeout "${MS_TEST_TIMEOUT:-1500}" </dev/null || lane_status=$?
    cat "$dir/Testing/Temporary/LastTest.log" >>"$log"
    if [ $lane_status -eq 0 ]; then
      echo "UNSTEADY, passed alone only: $beside"
    fi
  fi
  # shellcheck disable=SC2034 # for who sources this
  read -r lane_passed lane_failed < <(awk -f "$(dirname "${BASH_SOURCE[0]}")/count.awk" "$log")
}
