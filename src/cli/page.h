// Page: what a command's manual page says beyond what code knows, written in packaging/man, and the
// examples that its help begins with. packaging/man/README.md says how such a text is written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace schedctl::cli {

// The lines between "# TITLE" and the next title, without blank ones around them; empty when there
// is no such section.
std::string_view section_of(std::string_view page, std::string_view title);
// In the order of the text.
std::vector<std::string_view> titles_of(std::string_view page);

struct Example {
  std::string says;                   // one line
  std::vector<std::string> commands;  // lines of a shell
};
std::vector<Example> read_examples(std::string_view page);

// Of a command as it is called, "schedctl job show": those of its page that call it, or all when
// none does. Empty without a page.
std::vector<Example> examples_of(const std::string& command);

// "schedctl", "schedctl-job": the page that tells of "schedctl job show".
std::string page_name(const std::string& command);

}  // namespace schedctl::cli
