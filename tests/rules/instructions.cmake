# Instructions per operation, counted by callgrind: free of noise, so they can be asserted. Each row of
# instruction_limits.txt is a test. As a script:
#     cmake -D PROGRAM=instruction_counts -D QUESTION=await -D LIMIT=115 -P instructions.cmake

if(NOT CMAKE_SCRIPT_MODE_FILE)
    find_program(WEFT_VALGRIND valgrind)
    mark_as_advanced(WEFT_VALGRIND)
    if(NOT WEFT_VALGRIND OR NOT TARGET benchmark-instruction_counts)
        message(STATUS "Skipped the instruction counts: they need valgrind and the benchmarks")
        return()
    endif()
    file(STRINGS rules/instruction_limits.txt rows REGEX "^[a-z]")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS rules/instruction_limits.txt)
    foreach(row IN LISTS rows)
        string(REGEX MATCHALL "[^ ]+" row "${row}")
        list(POP_FRONT row question gcc clang)
        if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
            set(limit ${clang})
        else()
            set(limit ${gcc})
        endif()
        add_test(NAME "instructions: ${question}" COMMAND ${CMAKE_COMMAND}
            -D VALGRIND=${WEFT_VALGRIND} -D PROGRAM=$<TARGET_FILE:benchmark-instruction_counts>
            -D QUESTION=${question} -D LIMIT=${limit} -P ${tests}/rules/instructions.cmake)
        set_tests_properties("instructions: ${question}" PROPERTIES TIMEOUT ${hangs})
    endforeach()
    return()
endif()

function(count operations result)
    execute_process(COMMAND ${VALGRIND} --tool=callgrind --callgrind-out-file=/dev/null
                            ${PROGRAM} ${QUESTION} ${operations}
                    RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(failed OR NOT output MATCHES "Collected : ([0-9]+)")
        message(FATAL_ERROR "${QUESTION} ${operations} failed:\n${output}")
    endif()
    set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

# The difference of two runs is free of start-up and warm-up.
count(2000 few)
count(22000 many)
math(EXPR tenths "(${many} - ${few}) / 2000")
math(EXPR whole "${tenths} / 10")
math(EXPR tenth "${tenths} % 10")
message(STATUS "${QUESTION}: ${whole}.${tenth} instructions per operation (limit ${LIMIT})")
math(EXPR limit_in_tenths "${LIMIT} * 10")
if(tenths GREATER limit_in_tenths)
    message(FATAL_ERROR "above the limit")
elseif(tenths LESS 10)
    message(FATAL_ERROR "less than one instruction: the program does not do what it was asked")
endif()
