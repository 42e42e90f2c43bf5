# Everybody who can use weft: each consumer builds tests/consumers/program and runs it.
set(consumers ${tests}/consumers)
set(work ${CMAKE_CURRENT_BINARY_DIR}/consumers)
set(prefix ${work}/prefix)

# CMake projects.
foreach(way IN ITEMS add_subdirectory fetch_content find_package)
    add_test(NAME "consumers: ${way}" COMMAND ${CMAKE_CTEST_COMMAND}
        --build-and-test ${consumers}/${way} ${work}/${way}
        --build-generator ${CMAKE_GENERATOR}
        --build-options -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DCMAKE_CXX_FLAGS=${flags}
                        -DWEFT_ROOT=${PROJECT_SOURCE_DIR} -DCMAKE_PREFIX_PATH=${prefix}
        --test-command consumer)
    set_tests_properties("consumers: ${way}" PROPERTIES TIMEOUT ${hangs_compiling})
endforeach()

# Compilers called by hand; the two sources become one program, so that what a header defines twice
# does not link.
function(by_hand name)
    add_test(NAME "consumers: ${name}" COMMAND ${CMAKE_COMMAND} ${compile} ${ARGN}
             -D PROGRAM=${consumers}/program -D OUTPUT=${work}/by_hand/${name}
             -P ${consumers}/by_hand.cmake)
    set_tests_properties("consumers: ${name}" PROPERTIES TIMEOUT ${hangs_compiling})
endfunction()
by_hand(include_path -D FLAGS=${flags} -D INCLUDE=${include})
by_hand(pkg_config -D FLAGS=${flags} -D PKG_CONFIG_PATH=${prefix}/share/pkgconfig)
by_hand(single_header -D FLAGS=${flags} -D BUILD=${PROJECT_BINARY_DIR})
by_hand(no_exceptions -D "FLAGS=${flags} -fno-exceptions" -D INCLUDE=${include})
by_hand(no_rtti -D "FLAGS=${flags} -fno-rtti" -D INCLUDE=${include})
by_hand(no_exceptions_no_rtti -D "FLAGS=${flags} -fno-exceptions -fno-rtti" -D INCLUDE=${include})
by_hand(debug_stl -D "FLAGS=${flags} -D_GLIBCXX_DEBUG" -D INCLUDE=${include})
by_hand(cxx23 -D FLAGS=${flags} -D STANDARD=23 -D INCLUDE=${include})

add_test(NAME "consumers: install"
    COMMAND ${CMAKE_COMMAND} -D PREFIX=${prefix} -D BUILD=${PROJECT_BINARY_DIR}
            -P ${consumers}/install.cmake)
set_tests_properties("consumers: install" PROPERTIES
                     TIMEOUT ${hangs} FIXTURES_SETUP installed)
set_tests_properties("consumers: find_package" "consumers: pkg_config" PROPERTIES
                     FIXTURES_REQUIRED installed)
set_tests_properties("consumers: single_header" PROPERTIES RESOURCE_LOCK build_folder)
