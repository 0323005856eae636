# SPDX-License-Identifier: GPL-2.0-or-later
#
# ms_add_bpf_object(NAME SOURCE [DEFINES...]): compiles SOURCE for the BPF target and generates
# NAME.skel.h. Link the INTERFACE target NAME_skel to include it; header edits rebuild exactly the
# objects that read them (depfile). MS_BPF_INCLUDES = where its headers are.

find_program(MS_CLANG NAMES clang-14 clang REQUIRED)
if(NOT MS_BPFTOOL)
  include(MicrosegBpftool)
  ms_find_bpftool(bpftool)
  set(MS_BPFTOOL ${bpftool} CACHE STRING "bpftool that runs")
endif()
execute_process(COMMAND ${MS_CLANG} -dumpversion OUTPUT_VARIABLE ms_clang_version
                OUTPUT_STRIP_TRAILING_WHITESPACE)
set(ms_bpf_werror)
if(MS_WERROR STREQUAL ON OR (MS_WERROR STREQUAL AUTO AND ms_clang_version MATCHES "^14\\."))
  set(ms_bpf_werror -Werror)
endif()

function(ms_add_bpf_object name source)
  cmake_parse_arguments(BPF "" "" "DEFINES" ${ARGN})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton_dir ${CMAKE_CURRENT_BINARY_DIR}/${name}_skel)
  set(skeleton ${skeleton_dir}/${name}.skel.h)
  file(MAKE_DIRECTORY ${skeleton_dir})
  list(TRANSFORM BPF_DEFINES PREPEND -D)
  list(TRANSFORM MS_BPF_INCLUDES PREPEND -I OUTPUT_VARIABLE includes)
  add_custom_command(
    OUTPUT ${object}
    COMMAND
      ${MS_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter
      ${ms_bpf_werror}
      ${includes}
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
