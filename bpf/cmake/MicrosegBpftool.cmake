# SPDX-License-Identifier: GPL-2.0-or-later
#
# ms_find_bpftool(OUT): the first bpftool that answers. Some distributions put a wrapper of that
# name on the path which only looks for a package of the very kernel that runs; the real one then
# lies in a folder of some kernel's tools.

function(ms_find_bpftool out)
  file(GLOB packaged /usr/lib/linux-tools*/bpftool /usr/lib/linux-tools/*/bpftool)
  foreach(candidate bpftool /usr/sbin/bpftool /usr/local/sbin/bpftool ${packaged})
    execute_process(
      COMMAND ${candidate} version
      RESULT_VARIABLE result
      OUTPUT_QUIET ERROR_QUIET)
    if(result EQUAL 0)
      set(${out} ${candidate} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "no bpftool that runs was found: install the package bpftool")
endfunction()
