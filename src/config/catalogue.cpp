#include "config/catalogue.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/definition_keys.h"
#include "config/environment.h"
#include "config/handler_keys.h"
#include "config/keys.h"
#include "config/sections.h"

namespace schedctl::config {
namespace {

CatalogueSection describe(std::string heading, const std::string& prefix,
                          const std::vector<Key>& keys) {
  CatalogueSection section{std::move(heading), prefix, {}};
  for (const auto& key : keys)
    section.keys.push_back({key.name, key.show(), variable_for(prefix, key.name)});
  return section;
}

std::vector<Key> without(std::vector<Key> keys, const std::vector<Key>& others) {
  std::erase_if(keys, [&](const Key& key) {
    return std::ranges::any_of(others, [&](const Key& other) { return other.name == key.name; });
  });
  return keys;
}

std::string heading_of_type(std::size_t type) {
  return fmt::format("[handler.NAME] of type {}", handler_types[type]);
}

}  // namespace

std::vector<CatalogueSection> catalogue() {
  Config config;
  const Sections sections(config, "");
  std::vector<CatalogueSection> all;
  sections.for_each([&](const std::string& name, const Section& section) {
    all.push_back(describe(fmt::format("[{}]", name), name, section.keys()));
  });

  Handler handler;
  all.push_back(describe("[handler.NAME]", "handler",
                         without(common_keys(handler), retry_keys(handler.retry))));
  CommandHandler command;
  all.push_back(describe(heading_of_type(1), "handler", command_keys(command, "")));
  SqlHandler sql;
  all.push_back(describe(heading_of_type(2), "handler", sql_keys(sql)));

  const Definition definition;
  CatalogueSection job{"[job.NAME]", "job", {}};
  for (const auto& key : definition_keys())
    job.keys.push_back({std::string(key.name), key.show(definition), ""});
  all.push_back(std::move(job));
  return all;
}

}  // namespace schedctl::config
