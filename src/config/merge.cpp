#include "config/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "config/section.h"
#include "config/sections.h"

namespace schedctl::config {
namespace {

constexpr const char* profile_section = "profile";

// Both are in the order of their keys, and so is what comes out. What stands in both goes to
// `clash`, which brings the second into the first.
template <typename Clash>
void join(Table& into, Table&& from, Clash clash) {
  Table joined;
  joined.reserve(into.size() + from.size());
  auto mine = into.begin();
  for (auto& entry : from) {
    while (mine != into.end() && mine->key < entry.key) joined.push_back(std::move(*mine++));
    if (mine != into.end() && mine->key == entry.key) {
      clash(*mine, entry);
    } else {
      joined.push_back(std::move(entry));
    }
  }
  std::move(mine, into.end(), std::back_inserter(joined));
  into = std::move(joined);
}

bool both_are_tables(const Entry& a, const Entry& b) {
  return std::holds_alternative<Table>(a.node.value) && std::holds_alternative<Table>(b.node.value);
}

std::string path_of(const std::string& parent, const std::string& key) {
  return parent.empty() ? key_text(key) : parent + "." + key_text(key);
}

// Tables on the first `levels` levels may be spread: sections, and those of a profile.
void merge_tables(Table& into, Table&& from, int levels, const std::string& path) {
  join(into, std::move(from), [&](Entry& mine, Entry& theirs) {
    const auto name = path_of(path, mine.key);
    if (levels == 0 || !both_are_tables(mine, theirs))
      fail(theirs.place.text(), name,
           fmt::format("stands at {} too: remove one of them", mine.place.text()));
    merge_tables(std::get<Table>(mine.node.value), std::move(std::get<Table>(theirs.node.value)),
                 name == profile_section ? 2 : levels - 1, name);
  });
}

// How deep a section is laid over another: [process] has keys, [job] has tables of keys.
int levels_of(const std::string& section) {
  return section == "job" || section == "handler" ? 2 : 1;
}

const Entry* find(const Table& table, std::string_view key) {
  const auto found = std::ranges::find(table, key, &Entry::key);
  return found != table.end() ? &*found : nullptr;
}

// There is no way to write that a key of the file is not set, so a profile with another kind of
// schedule takes the place of the one that the file has.
void make_room_for_schedule(Table& definition, const Table& over) {
  for (const auto* kind : {"cron", "every", "at"})
    if (find(over, kind) && !find(definition, kind))
      std::erase_if(definition, [](const Entry& entry) {
        return entry.key == "cron" || entry.key == "every" || entry.key == "at" ||
               entry.key == "offset";
      });
}

// `path` begins with the section.
void overlay(Table& base, Table&& over, int levels, const std::string& path) {
  join(base, std::move(over), [&](Entry& mine, Entry& theirs) {
    if (levels == 0 || !both_are_tables(mine, theirs)) {
      mine = std::move(theirs);
      return;
    }
    auto& table = std::get<Table>(mine.node.value);
    auto& others = std::get<Table>(theirs.node.value);
    if (path == "job") make_room_for_schedule(table, others);
    overlay(table, std::move(others), levels - 1, path_of(path, mine.key));
  });
}

void overlay_sections(Table& root, Table&& profile) {
  for (auto& section : profile) {
    const int levels = levels_of(section.key);
    Table one;
    one.push_back(std::move(section));
    overlay(root, std::move(one), levels, "");
  }
}

void check_name(const Entry& entry) {
  constexpr std::size_t longest_name = 200;
  try {
    read_name(Node{entry.key}, longest_name);
  } catch (const Problem& problem) {
    fail(entry.place.text(), profile_section, problem.text);
  }
}

}  // namespace

void merge(Table& root, Table other) { merge_tables(root, std::move(other), 1, ""); }

std::vector<std::string> apply_profile(Table& root, const std::optional<std::string>& name,
                                       const std::string& origin) {
  std::vector<std::string> names;
  const auto found = std::ranges::find(root, profile_section, &Entry::key);
  Table profiles;
  if (found != root.end()) {
    table_of(*found, profile_section);
    profiles = std::move(std::get<Table>(found->node.value));
    root.erase(found);
  }
  for (const auto& entry : profiles) {
    check_name(entry);
    table_of(entry, path_of(profile_section, entry.key));
    names.push_back(entry.key);
  }
  if (!name) return names;
  const auto chosen = std::ranges::find(profiles, *name, &Entry::key);
  if (chosen == profiles.end())
    fail(
        origin, quote(*name),
        "is no profile here" + (names.empty() ? fmt::format(": write [profile.{}]", key_text(*name))
                                              : hint(*name, names)));
  overlay_sections(root, std::move(std::get<Table>(chosen->node.value)));
  return names;
}

}  // namespace schedctl::config
