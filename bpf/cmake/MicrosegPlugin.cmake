# SPDX-License-Identifier: GPL-2.0-or-later
#
# ms_add_plugin(NAME SOURCES... [BPF FILE] [LINK LIBS...]): builds NAME.so, a plugin of microseg, and
# installs it in MS_PLUGIN_DIR; it is built in MS_PLUGIN_BUILD_DIR. The folder's own headers and the
# SDK's are found. BPF compiles FILE and makes NAME.skel.h, which holds the functions
# NAME_bpf__open() and so on; libbpf is linked.
#
# The plugin exports ms_plugin_descriptor alone, needs no symbol of the host, has no RUNPATH and no
# executable stack: the host refuses a file where that is not so.

function(ms_add_plugin name)
  cmake_parse_arguments(PLUGIN "" "BPF" "LINK" ${ARGN})
  if(NOT name MATCHES "^[a-z0-9_]+$")
    message(FATAL_ERROR "${name} is no name of a plugin: only a-z, 0-9 and _")
  endif()
  add_library(${name} MODULE ${PLUGIN_UNPARSED_ARGUMENTS})
  set_target_properties(
    ${name}
    PROPERTIES PREFIX ""
               SUFFIX ".so"
               C_VISIBILITY_PRESET hidden
               CXX_VISIBILITY_PRESET hidden
               SKIP_RPATH ON
               INSTALL_RPATH ""
               INSTALL_RPATH_USE_LINK_PATH OFF
               LIBRARY_OUTPUT_DIRECTORY ${MS_PLUGIN_BUILD_DIR})
  target_include_directories(${name} PRIVATE ${MS_SDK_INCLUDES} ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE -Wall -Wextra -fstack-protector-strong)
  # By the linker: templates of the C++ library are visible whatever the compiler is told.
  set(exports ${CMAKE_CURRENT_BINARY_DIR}/${name}.map)
  file(CONFIGURE OUTPUT ${exports} CONTENT "{ global: ms_plugin_descriptor; local: *; };\n" @ONLY)
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${exports})
  target_link_options(${name} PRIVATE -Wl,-z,relro,-z,now,-z,noexecstack,-z,text
                      -Wl,--version-script=${exports})
  if(PLUGIN_BPF)
    ms_add_bpf_object(${name} ${PLUGIN_BPF})
    target_link_libraries(${name} PRIVATE ${name}_skel PkgConfig::LIBBPF)
  endif()
  target_link_libraries(${name} PRIVATE ${PLUGIN_LINK})
  install(TARGETS ${name} LIBRARY DESTINATION ${MS_PLUGIN_DIR})
endfunction()

# ms_add_plugin_test(NAME SOURCES...): a program NAME_test of the plugin NAME's own code and SOURCES,
# which include <microseg/trial.h>. ctest runs it where the plugin is a project by itself; that of an
# action needs root.
function(ms_add_plugin_test name)
  get_target_property(sources ${name} SOURCES)
  get_target_property(libraries ${name} LINK_LIBRARIES)
  add_executable(${name}_test ${sources} ${ARGN})
  target_include_directories(${name}_test PRIVATE ${MS_SDK_INCLUDES} ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_options(${name}_test PRIVATE -Wall -Wextra)
  if(libraries)
    target_link_libraries(${name}_test PRIVATE ${libraries})
  endif()
  if(PROJECT_IS_TOP_LEVEL)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
