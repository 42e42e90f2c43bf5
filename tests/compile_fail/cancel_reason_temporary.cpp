// expect: deleted
// SPDX-License-Identifier: MIT
#include <string>

#include <weft/compose/cancel_scope.hpp>

void stop(weft::cancel_scope& scope, const std::string& name) { scope.cancel("job " + name); }
