# SPDX-License-Identifier: GPL-2.0-or-later
#
# find_package(Microseg): what a plugin outside this tree is built with. Gives ms_add_plugin() and
# ms_add_bpf_object(); the project must have enabled the language C or CXX.

get_filename_component(MS_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(MS_SDK_INCLUDES ${MS_PREFIX}/include)
set(MS_BPF_INCLUDES ${MS_PREFIX}/include)
set(MS_PLUGIN_DIR ${MS_PREFIX}/lib/microseg/plugins CACHE PATH "Where plugins are installed")
set(MS_PLUGIN_BUILD_DIR ${CMAKE_BINARY_DIR}/plugins)
find_package(PkgConfig REQUIRED)
if(NOT TARGET PkgConfig::LIBBPF)
  pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf>=1.1)
endif()
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
include(MicrosegBpf)
include(MicrosegPlugin)
