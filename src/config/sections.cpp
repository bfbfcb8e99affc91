#include "config/sections.h"

#include <fmt/format.h>

#include "config/keys.h"

namespace schedctl::config {

Sections::Sections(Config& config, const std::string& folder) {
  const auto add = [this](const std::string& name, std::vector<Key> keys) {
    sections_.emplace_back(name, Section(name, std::move(keys)));
  };
  add("database", database_keys(config.database));
  add("process", process_keys(config.process, folder));
  add("retry", retry_keys(config.retry));
  add("recovery", recovery_keys(config.recovery));
  add("retention", retention_keys(config.retention));
  add("log", log_keys(config.log, folder));
}

void Sections::read(const Table& root) {
  for (const auto& entry : root)
    if (entry.key != "handler" && entry.key != "job") read_section(entry);
}

Section* Sections::find(std::string_view name) {
  for (auto& [candidate, section] : sections_)
    if (candidate == name) return &section;
  return nullptr;
}

void Sections::append_settings(std::vector<Setting>& settings) const {
  for (const auto& [name, section] : sections_) section.append_settings(settings);
}

void Sections::for_each(
    const std::function<void(const std::string& name, const Section& section)>& visit) const {
  for (const auto& [name, section] : sections_) visit(name, section);
}

void Sections::read_section(const Entry& entry) {
  Section* section = find(entry.key);
  if (section == nullptr) fail(entry.place.text(), entry.key, explain_unknown_section(entry.key));
  section->read(table_of(entry, entry.key),
                [&](const std::string& key) { return explain_unknown_key(*section, key); });
}

std::string Sections::explain_unknown_key(const Section& section, const std::string& key) const {
  for (const auto& [name, other] : sections_)
    if (other.has(key)) return fmt::format("unknown key here: it belongs to [{}]", name);
  return "unknown key" + hint(key, section.names());
}

std::string Sections::explain_unknown_section(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& [candidate, section] : sections_) {
    if (section.has(name)) return fmt::format("unknown key here: it belongs to [{}]", candidate);
    names.push_back(candidate);
  }
  names.emplace_back("handler");
  names.emplace_back("job");
  names.emplace_back("profile");
  return "unknown section" + hint(name, names);
}

const Table& table_of(const Entry& entry, const std::string& name) {
  if (const auto* table = std::get_if<Table>(&entry.node.value)) return *table;
  fail(entry.place.text(), name,
       fmt::format("{} is no table: write [{}]", describe(entry.node), name));
}

}  // namespace schedctl::config
