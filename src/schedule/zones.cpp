#include "schedule/zones.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::schedule {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_name = 100;
constexpr std::uintmax_t largest_file = 1 << 20;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw DataError(
      fmt::format("timezone \"{}\"{}", escape_control(name.substr(0, longest_name)), why));
}

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '+' || c == '-' || c == '/';
}

// Without dots and empty parts no name leads out of the folder.
bool is_zone_name(const std::string& name) {
  return !name.empty() && name.size() <= longest_name &&
         std::ranges::all_of(name, is_name_character) && name.front() != '/' &&
         name.back() != '/' && name.find("//") == std::string::npos;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// Zones begin with a capital; what else lies in the folder does not, or has a dot in its name.
std::vector<std::string> list_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const auto name = entry->path().lexically_relative(folder).string();
    std::error_code unknown;
    const bool is_folder = entry->is_directory(unknown);
    if (name[0] < 'A' || name[0] > 'Z' || name.find('.') != std::string::npos) {
      if (is_folder) entry.disable_recursion_pending();
    } else if (!is_folder) {
      names.push_back(name);
    }
  }
  std::ranges::sort(names);
  return names;
}

// Without regard to case, and also by the last part alone: "berlin" is Europe/Berlin.
std::string nearest(const std::string& wanted, const std::vector<std::string>& names) {
  const auto word = lower(wanted);
  std::vector<std::string> lowered;
  for (const auto& name : names) lowered.push_back(lower(name));
  const auto ends_so = [&](const std::string& name) { return name.ends_with("/" + word); };

  auto found = std::ranges::find(lowered, word);
  if (found == lowered.end()) found = std::ranges::find_if(lowered, ends_so);
  if (found == lowered.end())
    if (const auto near = suggestion(word, lowered)) found = std::ranges::find(lowered, *near);
  if (found == lowered.end()) return "";
  return names[static_cast<std::size_t>(found - lowered.begin())];
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string first_word(const std::string& text) {
  return text.substr(0, text.find_first_of(" \t\r\n"));
}

}  // namespace

std::string Zones::folder() const { return root_ + "/usr/share/zoneinfo"; }

Zone Zones::find(const std::string& name) {
  if (name == "UTC" || name == "Etc/UTC") return {name, ZoneRules{}};
  const auto known = known_.find(name);
  if (known != known_.end()) return known->second;
  return known_.emplace(name, load(name)).first->second;
}

Zone Zones::load(const std::string& name) const {
  if (!is_zone_name(name)) fail(name, " is no zone name: use e.g. \"Europe/Berlin\"");
  std::error_code error;
  if (!fs::is_directory(folder(), error))
    fail(name, fmt::format(": {} is missing: install the package tzdata", folder()));
  const fs::path path = fs::path(folder()) / name;
  if (!fs::is_regular_file(path, error)) {
    const auto near = nearest(name, list_names(folder()));
    if (!near.empty()) fail(name, fmt::format(" is unknown: did you mean \"{}\"?", near));
    fail(name,
         fmt::format(" is unknown: use a name found below {}, e.g. \"Europe/Berlin\"", folder()));
  }
  try {
    if (fs::file_size(path, error) > largest_file) throw DataError("it is too large");
    return {name, parse_zone_file(read_file(path))};
  } catch (const DataError& why) {
    fail(name, fmt::format(": {} is unusable, {}: choose another, or reinstall the package tzdata",
                           path.string(), why.what()));
  }
}

Zone Zones::system_zone() {
  constexpr std::string_view marker = "/zoneinfo/";
  std::error_code error;
  const auto target = fs::read_symlink(root_ + "/etc/localtime", error).string();
  if (const auto at = target.find(marker); !error && at != std::string::npos)
    return find(target.substr(at + marker.size()));
  const auto name = first_word(read_file(root_ + "/etc/timezone"));
  return name.empty() ? Zone() : find(name);
}

}  // namespace schedctl::schedule
