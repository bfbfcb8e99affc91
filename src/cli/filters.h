// Filters: values of the command line that more than one looking subcommand takes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace schedctl::cli {

// All throw UsageError that names the option, the value and what would be right.
std::int64_t parse_limit(const std::string& text,
                         std::string_view option = "--limit");            // 1 to a million
std::int64_t parse_id(std::string_view option, const std::string& text);  // a whole number
void check_one_of(std::string_view option, const std::string& value,
                  const std::vector<std::string>& valid);

// For check() of an option that is a number, as CLI11 takes 010 for eight and cuts off what is too
// large. Empty: fine.
std::string whole_number_fault(const std::string& text);

// Throws DataError that names `what` for text that PostgreSQL cannot hold.
void require_text(std::string_view what, const std::string& text);

}  // namespace schedctl::cli
