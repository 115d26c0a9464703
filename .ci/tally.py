"""Adds up JUnit reports: tally.py PASSED FAILED REPORT…, the first two being counts of other checks."""

import sys
from pathlib import Path
from xml.etree import ElementTree


def main() -> int:
    passed, failed = int(sys.argv[1]), int(sys.argv[2])
    for report in map(Path, sys.argv[3:]):
        if not report.is_file():
            continue
        skipped = 0
        for case in ElementTree.parse(report).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                print(f"failed: {case.get('classname')}.{case.get('name')}")
            elif case.find("skipped") is not None:
                skipped += 1
            else:
                passed += 1
        if skipped:
            print(f"{report.stem}: {skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
