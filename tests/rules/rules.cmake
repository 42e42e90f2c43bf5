# Rules of the repository as tests.
foreach(rule IN ITEMS layers tree readme unused)
    add_test(NAME "rules: ${rule}" COMMAND ${CMAKE_COMMAND} ${compile} -D FLAGS=${flags} -D NM=${CMAKE_NM}
             -D ROOT=${PROJECT_SOURCE_DIR} -P ${tests}/rules/${rule}.cmake)
    set_tests_properties("rules: ${rule}" PROPERTIES TIMEOUT ${hangs_compiling})
endforeach()

# Each header compiles alone.
add_test(NAME "rules: headers are self-contained"
         COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR}
                 --target all_verify_interface_header_sets)
set_tests_properties("rules: headers are self-contained" PROPERTIES
                     TIMEOUT 3600 RESOURCE_LOCK build_folder)
