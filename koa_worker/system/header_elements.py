"""The attributes of an original that its results copy: if one of them changes, the results change too."""

from __future__ import annotations

# Attributes of the modules Patient (PS3.3 C.7.1.1), Clinical Trial Subject (C.7.1.3), General Study (C.7.2.1), Patient
# Study (C.7.2.2) and Clinical Trial Study (C.7.2.3): those by which a PACS identifies patients and studies, and those
# that say that the file was de-identified.
PATIENT = (
    "PatientName", "PatientID", "IssuerOfPatientID", "TypeOfPatientID", "IssuerOfPatientIDQualifiersSequence",
    "PatientBirthDate", "PatientBirthTime", "PatientSex", "OtherPatientIDs", "OtherPatientIDsSequence",
    "OtherPatientNames", "EthnicGroup", "PatientComments", "QualityControlSubject", "PatientIdentityRemoved",
    "DeidentificationMethod", "DeidentificationMethodCodeSequence", "PatientSpeciesDescription",
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName", "ClinicalTrialSiteID",
    "ClinicalTrialSiteName", "ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID",
)  # fmt: skip
STUDY = (
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName", "StudyDescription", "ProcedureCodeSequence", "PatientAge", "PatientSize",
    "PatientWeight", "AdmissionID", "ClinicalTrialTimePointID", "ClinicalTrialTimePointDescription",
)  # fmt: skip
# Added in a later version. A header without them keeps its earlier digest.
LATER = ("TimezoneOffsetFromUTC", "ReferencedStudySequence", "PhysiciansOfRecord")
# Attributes of the order. A structured report has its own sequence for them.
REQUEST = "RequestAttributesSequence"
