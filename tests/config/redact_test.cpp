#include "config/redact.h"

#include <doctest/doctest.h>

namespace schedctl::config {

TEST_SUITE("config::redact") {
  TEST_CASE("no password of a connection string is shown") {
    const std::pair<const char*, const char*> cases[] = {
        {"", ""},
        {"postgresql:///app", "postgresql:///app"},
        {"postgresql://u@h/app", "postgresql://u@h/app"},
        {"postgresql://h:5432,i:5433/app", "postgresql://h:5432,i:5433/app"},
        {"postgresql://u:pw@h/app", "postgresql://u:***@h/app"},
        {"postgres://u:p%40s%3As@h:5432/app?sslmode=require",
         "postgres://u:***@h:5432/app?sslmode=require"},
        {"postgresql://u:p@ss/wo?rd@h/app", "postgresql://u:***@h/app"},
        {"postgresql:///app?password=pw&user=u", "postgresql:///app?password=***&user=u"},
        {"postgresql:///app?p%61ssword=pw", "postgresql:///app?p%61ssword=***"},
        {"postgresql:///app?user=u&sslpassword=p&", "postgresql:///app?user=u&sslpassword=***&"},
        {"postgresql:///app?passfile=/a", "postgresql:///app?passfile=/a"},
        {"host=h password=pw dbname=app", "host=h password=*** dbname=app"},
        {"host=h password = 'p w \\' x' dbname=app", "host=h password = *** dbname=app"},
        {"password=p\\ w user=u", "password=*** user=u"},
        {"password='open user=u", "password=***"},
        {"host='/a b' sslpassword=x", "host='/a b' sslpassword=***"},
        {"passfile=/a options='-c password=x'", "passfile=/a options='-c password=x'"},
        {"password=postgresql://x", "password=***"},
        {"app", "app"},
        {"host=h pasword=pw", "host=h pasword=***"},
        {"postgresql:///app?pasword=pw&schema=x", "postgresql:///app?pasword=***&schema=x"},
        {"postgres//u:pw@h/app", "postgres//u:***@h/app"},
        {"postgres:/u:p w@h/app", "postgres:***@h/app"},
        {"u:p@w@h/app", "u:***@h/app"},
        {"host=h u:pw@i port=1", "host=h u:***@i port=1"},
    };
    for (const auto& [url, expected] : cases) CHECK(redact_url(url) == expected);
  }
}

}  // namespace schedctl::config
