#include <variant>

#include "handlers/command.h"
#include "handlers/handler.h"
#include "handlers/noop.h"
#include "handlers/sql.h"

namespace schedctl::handlers {
namespace {

struct Make {
  const config::Handler& handler;

  std::unique_ptr<Handler> operator()(const config::NoopHandler&) const { return make_noop(); }
  std::unique_ptr<Handler> operator()(const config::CommandHandler&) const {
    return make_command(handler);
  }
  std::unique_ptr<Handler> operator()(const config::SqlHandler&) const { return make_sql(handler); }
};

}  // namespace

Registry make_handlers(const config::Config& config) {
  Registry registry;
  for (const auto& [name, handler] : config.handlers)
    registry.emplace(name, std::visit(Make{handler}, handler.how));
  registry.try_emplace("noop", make_noop());
  return registry;
}

}  // namespace schedctl::handlers
