# SPDX-License-Identifier: GPL-2.0-or-later
#
# ms_add_bpf_object(NAME SOURCE [DEFINES...]): compiles SOURCE for the BPF target and generates
# NAME.skel.h. Link the INTERFACE target NAME_skel to include it; header edits rebuild exactly the
# objects that read them (depfile).

find_program(MS_CLANG NAMES clang-14 clang REQUIRED)
# Distributions put a wrapper called bpftool on the path that only looks for a matching kernel
# package; take the first that answers.
foreach(candidate /usr/sbin/bpftool /usr/local/sbin/bpftool bpftool)
  execute_process(COMMAND ${candidate} version RESULT_VARIABLE ms_bpftool_result
                  OUTPUT_QUIET ERROR_QUIET)
  if(ms_bpftool_result EQUAL 0)
    set(MS_BPFTOOL ${candidate} CACHE STRING "bpftool that runs")
    break()
  endif()
endforeach()
if(NOT MS_BPFTOOL)
  message(FATAL_ERROR "no bpftool that runs was found: install the package bpftool")
endif()

function(ms_add_bpf_object name source)
  cmake_parse_arguments(BPF "" "" "DEFINES" ${ARGN})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton_dir ${CMAKE_CURRENT_BINARY_DIR}/${name}_skel)
  set(skeleton ${skeleton_dir}/${name}.skel.h)
  file(MAKE_DIRECTORY ${skeleton_dir})
  list(TRANSFORM BPF_DEFINES PREPEND -D)
  add_custom_command(
    OUTPUT ${object}
    COMMAND
      ${MS_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror
      -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/bpf/include
      -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} ${BPF_DEFINES} -MD -MF ${object}.d -MT
      ${object} -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "BPF ${name}"
    VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND sh -c "'${MS_BPFTOOL}' gen skeleton '${object}' name ${name}_bpf > '${skeleton}'"
    DEPENDS ${object}
    COMMENT "skeleton ${name}"
    VERBATIM)
  add_custom_target(${name}_skel_files DEPENDS ${skeleton})
  add_library(${name}_skel INTERFACE)
  add_dependencies(${name}_skel ${name}_skel_files)
  target_include_directories(${name}_skel SYSTEM INTERFACE ${skeleton_dir})
endfunction()
