"""The shapes of the API's answers, one module a resource: a decoded JSON body in, values out.

Fields that the API does not promise are optional, those that nobody reads are ignored, and a field
of a wrong type is an InvalidResponseError that names it. No value from an answer is ever quoted.
"""
