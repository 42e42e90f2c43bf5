# What may lie at the top level, and that no file names the machine it was written on.
#     cmake -D ROOT=. -P tree.cmake
cmake_minimum_required(VERSION 3.25)
get_filename_component(ROOT ${ROOT} ABSOLUTE)

set(top include tests benchmarks examples CMakeLists.txt README.md LICENSE CMakePresets.json)

execute_process(COMMAND git ls-files --cached --others --exclude-standard
    WORKING_DIRECTORY ${ROOT} OUTPUT_VARIABLE files RESULT_VARIABLE no_git ERROR_QUIET)
if(no_git)
    file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/*)
    list(FILTER files EXCLUDE REGEX "^build/")
else()
    string(REGEX REPLACE "\n" ";" files "${files}")
endif()

foreach(file IN LISTS files)
    if(NOT EXISTS ${ROOT}/${file} OR IS_DIRECTORY ${ROOT}/${file})
        continue()
    endif()
    string(REGEX REPLACE "/.*" "" first "${file}")
    if(NOT first IN_LIST top AND NOT first MATCHES "^\\.")
        message(SEND_ERROR "${file}: the top level is ${top} and dot-files")
    endif()
    if(file MATCHES "^examples/data/|\\.(log|csv|png)$")
        continue()
    endif()
    file(STRINGS ${ROOT}/${file} lines REGEX "/(home|Users)/[a-z]+/|/(root|work|farm)/")
    if(lines)
        message(SEND_ERROR "${file}: names a place on one machine: ${lines}")
    endif()
endforeach()
