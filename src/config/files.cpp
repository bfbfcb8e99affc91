#include "config/files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "config/merge.h"
#include "config/source.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::config {
namespace {

namespace fs = std::filesystem;

bool is_wanted(const std::string& name) { return name.ends_with(".toml") && name[0] != '.'; }

[[noreturn]] void fail(const fs::path& folder, const std::error_code& error) {
  throw ConfigError(
      escape_control(fmt::format("{}: cannot be listed: {}: make it readable, or remove it",
                                 folder.string(), error.message())));
}

}  // namespace

std::vector<std::string> list_files(const std::string& file) {
  std::vector<std::string> files = {file};
  const auto folder = fs::path(file).parent_path() / "conf.d";
  std::error_code error;
  auto entry = fs::directory_iterator(folder, error);
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
    return files;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error))
    if (is_wanted(entry->path().filename().string())) files.push_back(entry->path().string());
  if (error) fail(folder, error);
  std::sort(files.begin() + 1, files.end());
  return files;
}

Table read_files(const std::vector<std::string>& files) {
  Table root;
  for (const auto& file : files) merge(root, parse_document(read_source(file), file));
  return root;
}

}  // namespace schedctl::config
