#include "config/dependencies.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "config/section.h"
#include "util/text.h"

namespace schedctl::config {
namespace {

using Definitions = std::map<std::string, Definition>;

[[noreturn]] void fail_at(const Definition& definition, const std::string& why) {
  fail(definition.place_of("depends_on").text(),
       fmt::format("job.{}.depends_on", key_text(definition.name)), why);
}

[[noreturn]] void refuse_unknown(const Definition& definition, const std::string& name,
                                 const Definitions& definitions) {
  std::vector<std::string> names;
  for (const auto& [known, other] : definitions) names.push_back(known);
  const auto near = suggestion(name, names);
  fail_at(definition, fmt::format("{} is no definition here: {}", describe(Node{name}),
                                  near ? fmt::format("did you mean {}?", quote(*near))
                                       : "correct it, or remove it"));
}

// Walks along the dependencies of one definition after another; nothing is walked twice, and a
// chain may be as long as there are definitions.
class Walk {
 public:
  explicit Walk(const Definitions& definitions) : definitions_(definitions) {}

  void from(const Definition& start) {
    enter(start);
    while (!path_.empty()) {
      auto& [definition, next] = path_.back();
      if (next == definition->depends_on.size()) {
        is_open_[definition] = false;
        path_.pop_back();
      } else {
        follow(*definition, definition->depends_on[next++]);
      }
    }
  }

 private:
  struct Step {
    const Definition* definition;
    std::size_t next;  // of its dependencies
  };

  void enter(const Definition& definition) {
    if (definition.depends_on.empty()) return;
    const auto [known, added] = is_open_.try_emplace(&definition, true);
    if (added) {
      path_.push_back({&definition, 0});
    } else if (known->second) {
      refuse_cycle(definition);
    }
  }

  void follow(const Definition& definition, const std::string& name) {
    const auto found = definitions_.find(name);
    if (found == definitions_.end()) refuse_unknown(definition, name, definitions_);
    if (&found->second == &definition)
      fail_at(definition, quote(name) + " is the definition itself: remove it");
    enter(found->second);
  }

  [[noreturn]] void refuse_cycle(const Definition& first) const {
    constexpr std::size_t most_names = 20;
    auto step = std::ranges::find(path_, &first, &Step::definition);
    std::string names;
    for (std::size_t i = 0; step != path_.end() && i < most_names; ++step, ++i)
      names += quote(step->definition->name) + " waits for ";
    if (step != path_.end()) names += "... waits for ";
    fail_at(first, fmt::format("{}{}: remove one of these dependencies", names, quote(first.name)));
  }

  const Definitions& definitions_;
  std::vector<Step> path_;
  std::unordered_map<const Definition*, bool> is_open_;  // on the path; false: walked to the end
};

}  // namespace

void check_dependencies(const Definitions& definitions) {
  Walk walk(definitions);
  for (const auto& [name, definition] : definitions) walk.from(definition);
}

}  // namespace schedctl::config
