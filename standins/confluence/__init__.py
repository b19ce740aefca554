"""Stands in for Confluence: one wiki in memory or in a file, spoken to as Cloud and as Data Center, and read in a browser.

    python -m standins.confluence --port 8003 --data confluence.json

    /wiki/api/v2/…, /wiki/rest/api/…   Confluence Cloud: REST v2, and of v1 what is left there (`cloud`)
    /rest/api/…                        Confluence Data Center: REST v1 (`data_center`)
    /                                  spaces and pages for people (`browsing`, `rendering`)
    /standin/faults, /standin/requests the control door: trouble to order, and what was asked (`control`)

What is imitated, and nothing else, is what a program that keeps pages up to date meets: authentication, permissions,
titles that are unique in a space, versions and conflicts, content properties, labels, the trash, bodies that are
rewritten when stored, a search index that lags, limits and outages. Sources are the documentation of Atlassian's REST
interfaces, its OpenAPI document of v2, and issues in which people quote real answers.
"""
