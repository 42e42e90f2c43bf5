# Writes the whole library into one header: starting from weft/weft.hpp, each <weft/...> include is
# replaced, the first time, by the text of that header.
#     cmake -D INCLUDE=include -D VERSION=1.2.3 -D OUTPUT=weft.hpp -P single_header.cmake
cmake_minimum_required(VERSION 3.25)

set(text "")
set(done "")        # headers that are in `text`
set(conditional "") # those of them that are there inside an #if only

# Splits `rest` at its next <weft/...> include: sets `head` (before it), `child` and `rest` (after it),
# and counts in `depth` the #ifs that are open there. Works by position: lists of lines would trip over
# the semicolons and brackets of C++.
macro(split_at_include)
    set(child "")
    if(rest MATCHES "\n#include <(weft/[^>\n]+)>[^\n]*")
        set(line "${CMAKE_MATCH_0}")
        set(child "${CMAKE_MATCH_1}")
        string(FIND "${rest}" "${line}" at)
        string(SUBSTRING "${rest}" 0 ${at} head)
        string(LENGTH "${line}" length)
        math(EXPR at "${at} + ${length}")
        string(SUBSTRING "${rest}" ${at} -1 rest)
        string(REGEX MATCHALL "\n *#if" opened "${head}")
        string(REGEX MATCHALL "\n *#endif" closed "${head}")
        list(LENGTH opened opened)
        list(LENGTH closed closed)
        math(EXPR depth "${depth} + ${opened} - ${closed}")
    endif()
endmacro()

macro(read_header path)
    file(READ ${INCLUDE}/${path} rest)
    string(REGEX REPLACE "^// SPDX[^\n]*\n" "" rest "${rest}")
    string(REPLACE "#pragma once\n" "" rest "${rest}")
    string(PREPEND rest "\n// ${path}\n")
    set(depth 0)
    split_at_include()
endmacro()

# Appends what `path` includes without a condition.
function(inline_includes_of path)
    read_header(${path})
    while(child)
        if(depth EQUAL 0 AND NOT child IN_LIST done)
            list(APPEND done ${child})
            inline(${child})
        endif()
        split_at_include()
    endwhile()
    set(text "${text}" PARENT_SCOPE)
    set(done "${done}" PARENT_SCOPE)
    set(conditional "${conditional}" PARENT_SCOPE)
endfunction()

# Appends `path`. What a header needs that is included inside an #if comes first, outside of it: others
# may need it, too.
function(inline path)
    read_header(${path})
    while(child)
        if(NOT depth EQUAL 0)
            inline_includes_of(${child})
        endif()
        split_at_include()
    endwhile()

    read_header(${path})
    while(child)
        string(APPEND text "${head}")
        if(NOT child IN_LIST done AND depth EQUAL 0)
            list(APPEND done ${child})
            inline(${child})
        elseif(NOT child IN_LIST done OR (child IN_LIST conditional AND depth EQUAL 0))
            # What stands inside an #if may have to stand outside once more: only then a guard.
            if(depth EQUAL 0)
                list(REMOVE_ITEM conditional ${child})
            else()
                list(APPEND done ${child})
                list(APPEND conditional ${child})
            endif()
            string(MAKE_C_IDENTIFIER "${child}_included" guard)
            string(APPEND text "\n#ifndef ${guard}\n#define ${guard}")
            inline(${child})
            string(APPEND text "\n#endif // ${guard}\n")
        endif()
        split_at_include()
    endwhile()
    string(APPEND text "${rest}")
    set(text "${text}" PARENT_SCOPE)
    set(done "${done}" PARENT_SCOPE)
    set(conditional "${conditional}" PARENT_SCOPE)
endfunction()

inline(weft/weft.hpp)
string(REGEX REPLACE "\n\n\n+" "\n\n" text "${text}")
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT "// SPDX-License-Identifier: MIT
// weft @VERSION@ in one file, generated from include/weft.
#pragma once
@text@")
