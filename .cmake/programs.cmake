# One program a file: weft_programs() builds every NAME.cpp, and every folder NAME of sources, to NAME in
# the binary directory; the targets have the same names, after `prefix`. What a program needs besides
# weft is read from its #includes and this table. A program whose package is missing is skipped, and
# that is said; a package behind __has_include is optional.

#   include    found by     names
set(WEFT_PACKAGES
    "CLI/       find_package CLI11 CLI11::CLI11"
    "fmt/       find_package fmt fmt::fmt"
    "simdjson.h find_package simdjson simdjson::simdjson"
    "csv.h      find_library csv"
    "hiredis/   find_library hiredis"
    "benchmark/ find_package benchmark benchmark::benchmark_main"
    "asio.hpp   find_path asio.hpp"
    "boost/     find_path boost/version.hpp"
    "openssl/   find_package OpenSSL OpenSSL::SSL"
    "uv.h       pkg-config libuv"
    "event2/    pkg-config libevent")

# Sets `found`, and `libraries` to what must be linked.
macro(weft_find_package how name)
    set(found TRUE)
    set(libraries ${ARGN})
    if("${how}" STREQUAL find_package)
        find_package(${name} QUIET)
        set(found ${${name}_FOUND})
    elseif("${how}" STREQUAL pkg-config)
        find_package(PkgConfig QUIET)
        if(PkgConfig_FOUND)
            pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${name})
        endif()
        set(found ${${name}_FOUND})
        set(libraries PkgConfig::${name})
    elseif("${how}" STREQUAL find_library)
        find_library(WEFT_LIBRARY_${name} ${name})
        set(found ${WEFT_LIBRARY_${name}})
        set(libraries ${WEFT_LIBRARY_${name}})
    else()
        find_path(WEFT_HEADER_${name} ${name})
        set(found ${WEFT_HEADER_${name}})
    endif()
endmacro()

# The #include lines and __has_include tests of the files, and of the local headers they include.
function(weft_included_by result)
    set(files ${ARGN})
    set(lines "")
    while(files)
        list(POP_FRONT files file)
        file(STRINGS ${file} here REGEX "^ *#.*(include|__has_include)")
        list(APPEND lines ${here})
        get_filename_component(folder ${file} DIRECTORY)
        foreach(line IN LISTS here)
            if(NOT line MATCHES "^ *#include \"([^\"]+)\"")
                continue()
            endif()
            set(local ${folder}/${CMAKE_MATCH_1})
            if(EXISTS ${local} AND NOT local IN_LIST seen)
                list(APPEND files ${local})
                list(APPEND seen ${local})
            endif()
        endforeach()
    endwhile()
    set(${result} "${lines}" PARENT_SCOPE)
endfunction()

function(weft_program prefix name)
    weft_included_by(lines ${ARGN})
    set(link "")
    set(missing "")
    foreach(row IN LISTS WEFT_PACKAGES)
        string(REGEX MATCHALL "[^ ]+" row "${row}")
        list(POP_FRONT row include)
        string(REPLACE "." "\\." include "${include}")
        if(NOT lines MATCHES "#include <${include}")
            continue()
        endif()
        weft_find_package(${row})
        list(GET row 1 package)
        if(found)
            list(APPEND link ${libraries})
        elseif(NOT lines MATCHES "__has_include\\(<${include}")
            list(APPEND missing ${package})
        endif()
    endforeach()
    if(missing)
        list(JOIN missing ", " missing)
        get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
        message(STATUS "Skipped ${folder}/${name}: not installed: ${missing}")
        return()
    endif()

    add_executable(${prefix}${name} ${ARGN})
    set_target_properties(${prefix}${name} PROPERTIES OUTPUT_NAME ${name})
    target_link_libraries(${prefix}${name} PRIVATE weft::weft ${link})
    set_property(DIRECTORY APPEND PROPERTY WEFT_PROGRAMS ${name})
endfunction()

function(weft_programs prefix)
    file(GLOB sources CONFIGURE_DEPENDS *.cpp)
    foreach(source IN LISTS sources)
        get_filename_component(name ${source} NAME_WE)
        weft_program("${prefix}" ${name} ${source})
    endforeach()
    file(GLOB in_folders CONFIGURE_DEPENDS */*.cpp)
    set(folders ${in_folders})
    list(TRANSFORM folders REPLACE "/[^/]*$" "")
    list(REMOVE_DUPLICATES folders)
    foreach(folder IN LISTS folders)
        set(sources ${in_folders})
        list(FILTER sources INCLUDE REGEX "^${folder}/[^/]*$")
        get_filename_component(name ${folder} NAME)
        weft_program("${prefix}" ${name} ${sources})
    endforeach()
endfunction()
