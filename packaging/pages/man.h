// Man: the manual pages, each from the code and its text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/catalogue.h"
#include "model.h"

namespace schedctl::pages {

std::string program_page(const Command& program, std::string_view text);
std::string command_page(const Command& command, std::string_view text);
std::string configuration_page(const std::vector<config::CatalogueSection>& sections,
                               std::string_view text);

}  // namespace schedctl::pages
