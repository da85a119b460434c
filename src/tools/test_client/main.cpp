// milter-test-client: a milter that prints what an MTA sends and answers as it is told.
#include "tools/console.hpp"
#include "tools/test_client/service.hpp"
#include "tools/test_client/settings.hpp"

int main(int count, char** words) {
    milter::tools::keep_standard_descriptors();
    auto const told = milter::tools::test_client::parse(count, words);
    return told.status ? *told.status : milter::tools::test_client::serve(told.values);
}
