// How an action is refused, for tables of cases.
#pragma once

#include <string>

#include "util/error.h"

namespace schedctl::schedule {

// What it throws; empty when it does not.
template <typename Action>
std::string refusal(const Action& action) {
  try {
    action();
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

}  // namespace schedctl::schedule
